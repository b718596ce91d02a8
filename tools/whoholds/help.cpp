#include "whoholds/help.h"

#include <CLI/CLI.hpp>

namespace whoholds {
namespace {

constexpr const char* kDescription =
    "whoholds: attaches to running processes and says what they still hold, who took it, and since when.\n"
    "The target is not restarted, stopped, or written to.";

constexpr const char* kUsage =
    "Usage: whoholds -p PID[,PID...] [options] [INTERVAL [COUNT]]\n"
    "       whoholds --container ID|NAME [options] [INTERVAL [COUNT]]\n"
    "       whoholds run [options] [INTERVAL [COUNT]] -- COMMAND [ARGUMENT...]\n"
    "       whoholds top -p PID [options] [INTERVAL]\n"
    "       whoholds plan -p PID [--json]\n"
    "       whoholds record -o FILE -p PID [options] [INTERVAL [COUNT]]\n"
    "       whoholds report FILE [--at TIME] [--json]\n"
    "       whoholds diff BEFORE [AFTER] [--from TIME] [--at TIME] [--json]\n";

constexpr const char* kFooter =
    R"(Durations: 500ms, 5s, 2m, 1h, 1d; plain: seconds. Sizes: 512, 4k, 1M, 2G (powers of 1024).

Pairs: [NAME=]ACQUIRE[,ACQUIRE...]/RELEASE[,RELEASE...]
  each function is [MODULE!]SYMBOL, followed by what differs from the usual:
  :ret :outN :argN   where the handle is: returned, behind the pointer in argument N, or argument N
                     (default: what acquires returns it, what releases takes it as arg1)
  :ok=RULE           which result is a success: nonzero, zero, not-1, always
                     (default: nonzero for :ret, zero for :outN and :argN, always for releases)
  :size=argN         how large it is; also size=argN*argM
  :old=argN          the handle that the new one replaces, as in realloc
  :hides             neither acquires nor releases; calls inside of it do not count
  SYMBOL: a name as nm shows it, Class::function, or a glob that matches at most 8 functions.

Suppressions: lines KIND:PATTERN, # begins a comment; known from LeakSanitizer
  KIND: leak for all kinds, or one kind as with --kind; finding for findings, by headline or rule
  PATTERN: searched in the function, file and module of every frame; * anything, ^ begins, $ ends
  What is suppressed stays in all totals, and is counted. record keeps everything.

Examples:
  whoholds -p 4711                       a report every 5 seconds, the final one at Ctrl-C
  whoholds -p 4711 60 10                 ten reports, one a minute
  whoholds -p 4711 --min-age 2m          only what was taken more than two minutes ago
  whoholds -p 4711 --sort total          who allocates the most, freed or not (churn)
  whoholds -p 4711 --json --duration 1h  one JSON object per line, for an hour
  whoholds -p 4711 -o held.pb.gz         reports as text; the final one for go tool pprof as well
  whoholds -p 4711 -o held.html          ... or with flame graph and growth, for a browser
  whoholds -p 4711 --duration 5m --format folded | flamegraph.pl --countname bytes > held.svg
  whoholds -p 4711 60 --metrics-listen 9435
                                         a report a minute, the same for Prometheus to scrape
  whoholds -p 4711 --pairs openssl,stdio TLS connections, contexts and streams as well
  whoholds -p 4711 --pair 'job=job_open:out2/job_close'
                                         what job_open made and job_close has not taken yet
  whoholds -p 4711 --on-oom-near 10%     a report when a tenth of the memory limit is left
  whoholds --container 3f2a9c01d4e5 60   all of a container, those that start later as well
  whoholds --comm worker --wait          all of that name, from the first one on
  whoholds -p 4711 --follow              with the children that it forks from now on
  whoholds top -p 4711                   live, on the whole screen, like htop; q ends it
  whoholds run -- ./server --port 80     start a command and see it from its first allocation
  whoholds record -o api.rec -p 4711     keep all reports, for later and for colleagues
  whoholds report api.rec                what the recording says, anywhere and without root
  whoholds report api.rec --suppressions known.supp
                                         ... without what is known to be held
  whoholds diff api.rec --from 10m       what grew from the tenth minute to the end
  whoholds plan -p 4711                  what would be attached, where and why; attaches nothing

Exit codes:
  0  reported
  1  another failure
  2  the command line makes no sense
  3  no such process, none selected, or one that cannot be traced (32-bit, kernel thread, gone)
  4  missing rights: run it as root
  5  the kernel lacks something that is needed
  6  nothing could be attached
  With run, the code of the report; the exit status of the command is printed in the report.
)";

// CLI11 2.1 derives the usage line from the options, which cannot show three forms of the command.
class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() {
        column_width(34);
        label("Positionals", "Arguments");
    }
    std::string make_description(const CLI::App* /*app*/) const override { return std::string(kDescription) + "\n"; }
    std::string make_footer(const CLI::App* /*app*/) const override { return std::string("\n") + kFooter; }
    std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
        return std::string("\n") + kUsage;
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_name();
        return type.empty() ? "" : " " + type;
    }
};

}  // namespace

std::string help_of(const CLI::App& app) {
    std::string text = HelpFormatter().make_help(&app, "", CLI::AppFormatMode::Normal);
    for (size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
}

}  // namespace whoholds
