// Linux before 5.15 gives a probe no cookie. There the probe's program is this one, loaded anew for each cookie with two numbers put
// in place; it hands the cookie on to the program that is meant.

#include "lib/maps.bpf.h"

#define WH_NUMBER_TO_COME(value, placeholder) asm volatile("%0 = %1 ll" : "=r"(value) : "i"(placeholder))

SEC("uprobe")
int with_cookie(struct pt_regs* ctx) {
    u32 zero = 0;
    struct wh_handed_cookie* handed = bpf_map_lookup_elem(&handed_cookie, &zero);
    if (!handed) return 0;
    u64 cookie, program;
    WH_NUMBER_TO_COME(cookie, WH_PUT_COOKIE_HERE);
    WH_NUMBER_TO_COME(program, WH_PUT_PROGRAM_HERE);
    handed->cookie = cookie;
    handed->thread = bpf_get_current_pid_tgid();
    bpf_tail_call(ctx, &probe_programs, program);
    count(WH_COUNTER_NO_THREAD_STATE);
    return 0;
}
