// One object: the programs share their maps. Each concern has its file.

#include "calls.bpf.c"
#include "descriptors.bpf.c"
#include "go.bpf.c"
#include "go_samples.bpf.c"
#include "js_heap.bpf.c"
#include "tasks.bpf.c"
#ifdef WH_OLD_KERNEL
#include "old_kernel.bpf.c"
#endif

char LICENSE[] SEC("license") = "GPL";
