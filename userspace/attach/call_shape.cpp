#include "attach/call_shape.h"

#include <fmt/format.h>

namespace whoholds {
namespace {

const char* operation_name(wh_operation operation) {
    switch (operation) {
        case WH_OPERATION_NONE: return "nothing";
        case WH_OPERATION_ACQUIRE: return "acquire";
        case WH_OPERATION_REACQUIRE: return "reacquire";
        case WH_OPERATION_RESIZE: return "resize";
        case WH_OPERATION_RELEASE: return "release";
        case WH_OPERATION_TRY_RELEASE: return "try_release";
        case WH_OPERATION_CREATE_THREAD: return "create_thread";
        case WH_OPERATION_CONNECT: return "connect";
        case WH_OPERATION_OPEN: return "open";
        case WH_OPERATION_ACCEPT: return "accept";
        case WH_OPERATION_OPEN_TWO: return "open_two";
        case WH_OPERATION_DUP_IF_ASKED: return "dup_if_asked";
        case WH_OPERATION_DUP_OVER: return "dup_over";
        case WH_OPERATION_CLOSE: return "close";
        case WH_OPERATION_CLOSE_RANGE: return "close_range";
        case WH_OPERATION_RECEIVE: return "receive";
    }
    return "?";
}

const char* success_text(wh_success success) {
    switch (success) {
        case WH_SUCCESS_NOT_ZERO: return " if not 0";
        case WH_SUCCESS_NOT_MINUS_ONE: return " if not -1";
        case WH_SUCCESS_ZERO: return " if 0";
        case WH_SUCCESS_ALWAYS: return "";
    }
    return "";
}

std::string size_text(const CallShape& shape) {
    // A resize asks for its argument but gets what the call returns.
    if (shape.operation == WH_OPERATION_RESIZE) return " size=return";
    if (shape.size_arg == 0) return "";
    if (shape.size_factor_arg == 0) return fmt::format(" size=arg{}", shape.size_arg);
    return fmt::format(" size=arg{}*arg{}", shape.size_arg, shape.size_factor_arg);
}

}  // namespace

std::string kind_name(wh_resource_kind kind) {
    if (kind >= WH_KIND_PAIR_FIRST && kind < WH_KIND_LIMIT) return "pair";
    switch (kind) {
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) \
    case enumerator: return json_name;
        WH_RESOURCE_KINDS(X)
#undef X
        case WH_KIND_NONE:
        case WH_KIND_PAIR_FIRST:
        case WH_KIND_LIMIT: break;
    }
    return "?";
}

std::string shape_to_text(uint64_t packed) {
    const CallShape shape = unpack(packed);
    if (only_hides(shape)) return fmt::format("hide {} calls inside", kind_name(shape.kind));
    std::string text = fmt::format("{} {}{}", operation_name(shape.operation), kind_name(shape.kind), size_text(shape));
    if (shape.key_arg == 0) {
        text += " key=return";
    } else {
        text += fmt::format(" key={}arg{}", shape.key_indirect ? "*" : "", shape.key_arg);
    }
    if (shape.old_key_arg != 0) text += fmt::format(" old=arg{}", shape.old_key_arg);
    if (shape.old_size_arg != 0) text += fmt::format(" old_size=arg{}", shape.old_size_arg);
    if (shape.flags_arg != 0)
        text += fmt::format(" {}=arg{}", shape.operation == WH_OPERATION_OPEN ? "command" : "flags", shape.flags_arg);
    if (needs_return(shape)) text += success_text(shape.success);
    return text;
}

}  // namespace whoholds
