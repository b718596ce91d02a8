# bash completion for whoholds. Options are asked of the program itself.
_whoholds() {
    local cur prev words cword
    _init_completion -s || return
    local i
    for ((i = 1; i < cword; i++)); do
        [[ ${words[i]} == -- ]] && { _command_offset $((i + 1)); return; }
    done
    case $prev in
        -p | --pid) _pids; return ;;
        --kind) COMPREPLY=($(compgen -W 'heap mapping fd socket thread joinable pair go_heap goroutine js_heap' -- "$cur")); return ;;
        --sort) COMPREPLY=($(compgen -W 'bytes count age total' -- "$cur")); return ;;
        --format) COMPREPLY=($(compgen -W 'text json folded pprof html openmetrics' -- "$cur")); return ;;
        --color) COMPREPLY=($(compgen -W 'auto always never' -- "$cur")); return ;;
        --all-of | -o | --output | --suppressions | --on-report) _filedir; return ;;
        --cgroup) _filedir -d; return ;;
        --pair | --pairs | --top | --min-age | --min-size | --duration | --metrics-listen | --push | --container | --comm) return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(_parse_help "$1")" -- "$cur"))
    elif ((cword == 1)); then
        COMPREPLY=($(compgen -W 'run top plan record report diff' -- "$cur"))
    fi
} && complete -F _whoholds whoholds
