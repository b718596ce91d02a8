// What `whoholds top` shows, as plain data: changed by TopModel alone, drawn by view.h.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/report.h"
#include "top/stack_order.h"

namespace whoholds {

enum class TopPage : uint8_t { kStacks, kStack, kDetails, kHelp };

struct TopState {
    size_t width = 80;
    size_t height = 24;
    std::optional<Report> report;  // none: the first one has not come yet
    bool is_paused = false;
    std::string ended;    // why nothing more comes, "" if something does
    std::string message;  // the last thing that was said

    TopPage page = TopPage::kStacks;
    size_t scrolled = 0;  // lines of a page of text

    pid_t process = 0;
    std::string kind;  // JSON name
    TopColumn column = TopColumn::kBytes;
    bool is_reversed = false;
    std::string filter;
    bool is_typing = false;             // the filter
    std::vector<TopRow> rows;           // point into the report
    size_t selected = 0;                // of rows
    size_t first = 0;                   // the uppermost one that is shown
    std::optional<StackReport> opened;  // the stack of kStack, as it was seen last
    bool is_opened_gone = false;        // it holds nothing any more

    // nullptr: there is none.
    [[nodiscard]] const ProcessReport* shown_process() const;
    [[nodiscard]] const KindReport* shown_kind() const;
};

}  // namespace whoholds
