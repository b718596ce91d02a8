// TopModel: `whoholds top` without a terminal: reports and keys in, the state of the screen out. Used by tools/whoholds/top.cpp.
// Invariant: the selection stays with its stack, wherever that stands in the next report; while paused nothing moves.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "report/report.h"
#include "top/keys.h"
#include "top/top_state.h"

namespace whoholds {

enum class TopWish : uint8_t { kNothing, kQuit, kSuspend, kRedraw };

class TopModel {
public:
    explicit TopModel(TopColumn column = TopColumn::kBytes) { state_.column = column; }

    void take(Report report);
    void resize(size_t width, size_t height);
    void say(std::string line) { state_.message = std::move(line); }
    // Nothing more comes; what is there can still be looked at.
    void end(std::string why);
    // What the terminal has to do beyond drawing.
    TopWish press(const Key& key);

    [[nodiscard]] const TopState& state() const { return state_; }

private:
    TopWish press_on_stacks(const Key& key);
    TopWish press_on_page(const Key& key);
    void press_while_typing(const Key& key);
    bool move(KeyCode code);
    void show(Report report);
    void show_memory();
    void find_rows();
    void select(size_t row);
    void open_stack();
    void open_page(TopPage page);
    void refresh_opened();
    void choose_column(TopColumn column);
    void step_column(int step);
    void step_kind(int step);
    void choose_kind(size_t index);
    void step_process(int step);
    void toggle_pause();
    void scroll_to(size_t line);

    TopState state_;
    StackOrder order_;
    std::optional<RowKey> selected_;  // stays when the rows change
    std::optional<RowKey> opened_;
    bool is_kind_chosen_ = false;    // by the user; else memory is shown, once there is any
    std::optional<Report> waiting_;  // came while paused
};

}  // namespace whoholds
