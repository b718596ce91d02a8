// One object: the programs share their maps. Each concern has its file.

#include "calls.bpf.c"
#include "descriptors.bpf.c"
#include "tasks.bpf.c"

char LICENSE[] SEC("license") = "GPL";
