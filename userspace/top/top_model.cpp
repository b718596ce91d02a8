#include "top/top_model.h"

#include <algorithm>
#include <array>
#include <utility>

#include "report/flat_stacks.h"
#include "report/text_parts.h"
#include "top/view.h"

namespace whoholds {
namespace {

constexpr size_t kLeastWidth = 20;
constexpr size_t kLeastHeight = 5;
constexpr size_t kLongestFilter = 200;

struct ColumnKey {
    std::string_view key;
    TopColumn column;
};

constexpr ColumnKey kColumnKeys[] = {{"b", TopColumn::kBytes},
                                     {"c", TopColumn::kCount},
                                     {"g", TopColumn::kGrowth},
                                     {"a", TopColumn::kAge},
                                     {"t", TopColumn::kTotal}};

bool is_text(const Key& key, std::string_view text) { return key.code == KeyCode::kText && key.text == text; }

}  // namespace

const ProcessReport* TopState::shown_process() const {
    if (!report || report->processes.empty()) return nullptr;
    const auto found = std::ranges::find(report->processes, process, &ProcessReport::pid);
    return found == report->processes.end() ? &report->processes.front() : &*found;
}

const KindReport* TopState::shown_kind() const {
    const ProcessReport* of = shown_process();
    if (of == nullptr || of->kinds.empty()) return nullptr;
    const auto found = std::ranges::find(of->kinds, kind, &KindReport::kind);
    return found == of->kinds.end() ? nullptr : &*found;
}

void TopModel::take(Report report) {
    if (state_.is_paused)
        waiting_ = std::move(report);
    else
        show(std::move(report));
}

void TopModel::show(Report report) {
    state_.report = std::move(report);
    const ProcessReport* process = state_.shown_process();
    if (process != nullptr && process->pid != state_.process) {
        if (state_.process != 0) state_.message = "pid " + std::to_string(state_.process) + " is gone, this is another";
        state_.process = process->pid;
        is_kind_chosen_ = false;
    }
    if (state_.page != TopPage::kStack && (!is_kind_chosen_ || state_.shown_kind() == nullptr)) show_memory();
    find_rows();
    refresh_opened();
}

void TopModel::show_memory() {
    const ProcessReport* process = state_.shown_process();
    if (process == nullptr || process->kinds.empty()) return;
    const KindReport* memory = memory_kind(*process);
    const std::string& kind = memory != nullptr ? memory->kind : process->kinds.front().kind;
    if (state_.kind == kind) return;
    state_.kind = kind;
    order_.sort_anew();
}

void TopModel::resize(size_t width, size_t height) {
    state_.width = std::max(width, kLeastWidth);
    state_.height = std::max(height, kLeastHeight);
    select(state_.selected);
    scroll_to(state_.scrolled);
}

void TopModel::end(std::string why) {
    state_.ended = std::move(why);
    state_.is_paused = false;
    if (waiting_) show(*std::exchange(waiting_, std::nullopt));
}

void TopModel::find_rows() {
    state_.rows.clear();
    const ProcessReport* process = state_.shown_process();
    const KindReport* kind = state_.shown_kind();
    if (process != nullptr && kind != nullptr)
        state_.rows =
            order_.rows(*process, kind->kind, is_counted(*kind), state_.column, state_.is_reversed, state_.filter);
    size_t row = state_.selected;
    if (selected_) {
        const auto found = std::ranges::find(state_.rows, *selected_, &TopRow::key);
        if (found != state_.rows.end()) row = static_cast<size_t>(found - state_.rows.begin());
    }
    // Until the user has moved, the top of the list is what is looked at.
    const auto wanted = selected_;
    select(row);
    if (!wanted) selected_.reset();
}

void TopModel::select(size_t row) {
    const size_t last = state_.rows.empty() ? 0 : state_.rows.size() - 1;
    state_.selected = std::min(row, last);
    if (!state_.rows.empty()) selected_ = state_.rows[state_.selected].key;
    const size_t visible = std::max<size_t>(visible_rows(state_), 1);
    state_.first = std::min(state_.first, state_.selected);
    if (state_.selected >= state_.first + visible) state_.first = state_.selected - visible + 1;
    state_.first = std::min(state_.first, state_.rows.size() > visible ? state_.rows.size() - visible : 0);
}

void TopModel::refresh_opened() {
    if (state_.page != TopPage::kStack || !opened_) return;
    state_.is_opened_gone = true;
    const ProcessReport* process = state_.shown_process();
    if (process == nullptr) return;
    size_t same = 0;
    for (const StackReport& stack : process->stacks) {
        if (stack.kind != state_.kind || stack.id != opened_->first || same++ != opened_->second) continue;
        state_.opened = stack;
        state_.is_opened_gone = stack.held.count == 0;
    }
}

void TopModel::open_page(TopPage page) {
    state_.page = page;
    state_.scrolled = 0;
}

void TopModel::open_stack() {
    if (state_.rows.empty()) return;
    opened_ = selected_ = state_.rows[state_.selected].key;
    open_page(TopPage::kStack);
    refresh_opened();
}

void TopModel::choose_column(TopColumn column) {
    state_.is_reversed = state_.column == column && !state_.is_reversed;
    state_.column = column;
    order_.sort_anew();
    find_rows();
}

void TopModel::step_column(int step) {
    const KindReport* kind = state_.shown_kind();
    std::vector<TopColumn> columns;
    for (const ColumnKey& one : kColumnKeys)
        if (one.column != TopColumn::kBytes || kind == nullptr || !is_counted(*kind)) columns.push_back(one.column);
    const auto now = std::ranges::find(columns, state_.column);
    const auto count = static_cast<int>(columns.size());
    const int at = now == columns.end() ? 0 : static_cast<int>(now - columns.begin());
    state_.is_reversed = false;
    state_.column = columns[static_cast<size_t>((at + step + count) % count)];
    order_.sort_anew();
    find_rows();
}

void TopModel::choose_kind(size_t index) {
    const ProcessReport* process = state_.shown_process();
    if (process == nullptr || index >= process->kinds.size()) return;
    state_.kind = process->kinds[index].kind;
    is_kind_chosen_ = true;
    state_.selected = state_.first = 0;
    selected_.reset();
    order_.sort_anew();
    find_rows();
}

void TopModel::step_kind(int step) {
    const ProcessReport* process = state_.shown_process();
    if (process == nullptr || process->kinds.empty()) return;
    const KindReport* now = state_.shown_kind();
    const auto count = static_cast<int>(process->kinds.size());
    const int at = now == nullptr ? 0 : static_cast<int>(now - process->kinds.data());
    choose_kind(static_cast<size_t>((at + step + count) % count));
}

void TopModel::step_process(int step) {
    const ProcessReport* now = state_.shown_process();
    if (now == nullptr) return;
    const auto count = static_cast<int>(state_.report->processes.size());
    const int at = static_cast<int>(now - state_.report->processes.data());
    state_.process = state_.report->processes[static_cast<size_t>((at + step + count) % count)].pid;
    state_.selected = state_.first = 0;
    selected_.reset();
    order_.sort_anew();
    find_rows();
}

void TopModel::toggle_pause() {
    if (!state_.ended.empty()) return;
    state_.is_paused = !state_.is_paused;
    if (!state_.is_paused && waiting_) show(*std::exchange(waiting_, std::nullopt));
}

void TopModel::scroll_to(size_t line) {
    const size_t lines = state_.page == TopPage::kStacks ? 0 : page_lines(state_).size();
    const size_t visible = visible_page_lines(state_);
    state_.scrolled = std::min(line, lines > visible ? lines - visible : 0);
}

// Of rows or of lines, whichever are shown.
bool TopModel::move(KeyCode code) {
    const bool is_table = state_.page == TopPage::kStacks;
    const size_t page = std::max<size_t>(is_table ? visible_rows(state_) : visible_page_lines(state_), 1);
    const size_t at = is_table ? state_.selected : state_.scrolled;
    const auto go = [&](size_t to) { is_table ? select(to) : scroll_to(to); };
    constexpr size_t kEnd = size_t{1} << 40;
    switch (code) {
        case KeyCode::kUp: go(at - std::min<size_t>(at, 1)); return true;
        case KeyCode::kDown: go(at + 1); return true;
        case KeyCode::kPageUp: go(at - std::min(at, page)); return true;
        case KeyCode::kPageDown: go(at + page); return true;
        case KeyCode::kHome:
            go(0);
            selected_.reset();
            return true;
        case KeyCode::kEnd: go(kEnd); return true;
        default: return false;
    }
}

void TopModel::press_while_typing(const Key& key) {
    switch (key.code) {
        case KeyCode::kEscape:
            state_.filter.clear();
            state_.is_typing = false;
            break;
        case KeyCode::kEnter: state_.is_typing = false; return;
        case KeyCode::kBackspace:
            while (!state_.filter.empty() && (static_cast<unsigned char>(state_.filter.back()) & 0xc0U) == 0x80)
                state_.filter.pop_back();
            if (!state_.filter.empty()) state_.filter.pop_back();
            break;
        case KeyCode::kText:
            if (state_.filter.size() < kLongestFilter) state_.filter += key.text;
            break;
        default: move(key.code); return;
    }
    order_.sort_anew();
    find_rows();
}

TopWish TopModel::press_on_page(const Key& key) {
    if (move(key.code) || (is_text(key, "j") && move(KeyCode::kDown)) || (is_text(key, "k") && move(KeyCode::kUp)))
        return TopWish::kNothing;
    if (is_text(key, "p") || is_text(key, " "))
        toggle_pause();
    else
        open_page(TopPage::kStacks);
    return TopWish::kNothing;
}

TopWish TopModel::press_on_stacks(const Key& key) {
    if (move(key.code)) return TopWish::kNothing;
    switch (key.code) {
        case KeyCode::kEnter:
        case KeyCode::kRight: open_stack(); break;
        case KeyCode::kEscape:
            state_.filter.clear();
            order_.sort_anew();
            find_rows();
            break;
        case KeyCode::kTab: step_kind(1); break;
        case KeyCode::kBackTab: step_kind(-1); break;
        case KeyCode::kHelp: open_page(TopPage::kHelp); break;
        case KeyCode::kFilter: state_.is_typing = true; break;
        case KeyCode::kSort: step_column(1); break;
        case KeyCode::kQuit: return TopWish::kQuit;
        default: break;
    }
    if (key.code != KeyCode::kText || key.text.empty()) return TopWish::kNothing;
    if (const auto* column = std::ranges::find(kColumnKeys, key.text, &ColumnKey::key); column != std::end(kColumnKeys))
        choose_column(column->column);
    switch (key.text[0]) {
        case 'q': return TopWish::kQuit;
        case 'h':
        case '?': open_page(TopPage::kHelp); break;
        case 'f': open_page(TopPage::kDetails); break;
        case '/': state_.is_typing = true; break;
        case 'j': move(KeyCode::kDown); break;
        case 'k': move(KeyCode::kUp); break;
        case 's':
        case '>': step_column(1); break;
        case '<': step_column(-1); break;
        case 'r': choose_column(state_.column); break;
        case 'p':
        case ' ': toggle_pause(); break;
        case '[': step_process(-1); break;
        case ']': step_process(1); break;
        default:
            if (key.text[0] >= '1' && key.text[0] <= '9') choose_kind(static_cast<size_t>(key.text[0] - '1'));
    }
    return TopWish::kNothing;
}

TopWish TopModel::press(const Key& key) {
    state_.message.clear();  // has been read
    if (key.code == KeyCode::kInterrupt) return TopWish::kQuit;
    if (key.code == KeyCode::kSuspend) return TopWish::kSuspend;
    if (key.code == KeyCode::kRedraw) return TopWish::kRedraw;
    if (state_.page != TopPage::kStacks) return press_on_page(key);
    if (!state_.is_typing) return press_on_stacks(key);
    press_while_typing(key);
    return TopWish::kNothing;
}

}  // namespace whoholds
