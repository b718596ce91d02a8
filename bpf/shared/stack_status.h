// How the walk of a stack ended: X(enumerator, value, sentence). Only WH_STACK_DONE is a complete stack; of every other the
// sentence says what is missing. Included by BPF C (which decides) and by C++ (which prints the sentence).
#ifndef WHOHOLDS_SHARED_STACK_STATUS_H
#define WHOHOLDS_SHARED_STACK_STATUS_H

#define WH_STACK_STATUSES(X)                                                                                         \
    X(WH_STACK_DONE, 0, "")                                                                                          \
    X(WH_STACK_FRAME_POINTERS, 1,                                                                                    \
      "followed frame pointers through a JIT's code (java: -XX:+PreserveFramePointer): callers may be missing")      \
    X(WH_STACK_BROKEN, 2, "the stack does not look as the code's unwind information says: callers are missing")      \
    X(WH_STACK_READ_FAILED, 3, "the stack's memory could not be read further: callers are missing")                  \
    X(WH_STACK_TOO_DEEP, 4, "deeper than 256 frames: the outermost callers are missing")                             \
    X(WH_STACK_NOT_KEPT, 5, "no stack: the table of stacks is full (--max-stacks)")                                  \
    X(WH_STACK_NO_MAPPING, 6, "a caller's code was mapped just before and not known yet: callers are missing")       \
    X(WH_STACK_NO_INFORMATION, 7, "the code of the last frame has no unwind information: callers are missing")       \
    X(WH_STACK_UNSUPPORTED, 8,                                                                                       \
      "the last frame's unwind information takes a form that is not evaluated: callers are missing")                 \
    X(WH_STACK_MAPPINGS_CHANGED, 9, "libraries were loaded or unloaded at that moment: callers are missing")         \
    X(WH_STACK_BEFORE_ATTACH, 10, "there before whoholds attached: who took it was not seen")                        \
    X(WH_STACK_UNSEEN, 11, "came by a way that is not traced (io_uring, another process): who took it was not seen") \
    X(WH_STACK_CREATOR_BEFORE, 12, "there before whoholds attached: of its creation only the go statement is known") \
    X(WH_STACK_CREATOR_UNSEEN, 13, "its creation was not seen: only its go statement is known")

enum wh_stack_status {
#define X(enumerator, value, sentence) enumerator = value,
    WH_STACK_STATUSES(X)
#undef X
};

#endif
