# The functions of V8's heap by which its layout is told, as small as they can be. VERSION: 11, 12 or 13.
    .text
    .macro function name, offsets:vararg
    .globl \name
    .type \name, @function
\name:
    .irp offset, \offsets
    mov \offset(%rdi), %rax
    .endr
    push %rbp
    mov %rsp, %rbp
    pop %rbp
    ret
    .size \name, . - \name
    .endm

    .if VERSION == 11
    function _ZN2v88internal17SemiSpaceNewSpace12AddFreshPageEv, 0x1f0, 0x108
    function _ZN2v88internal20MarkCompactCollector20IsUnmarkedHeapObjectEPNS0_4HeapENS0_14FullObjectSlotE, 0x140, 8
    function _ZN2v88internal20MarkCompactCollector22ClearNonLiveReferencesEv, 0x20
    .else
    .if VERSION == 12
    function _ZN2v88internal17SemiSpaceNewSpace8AllocateEi, 0x100, 0x108, 0x1b0, 0x20, 0x28
    .else
    function _ZN2v88internal17SemiSpaceNewSpace8AllocateEi, 0xd0, 0x108, 0x160, 0x48, 0x38
    .endif
    function _ZN2v88internal20MarkCompactCollector20IsUnmarkedHeapObjectEPNS0_4HeapENS0_14FullObjectSlotE, 0x140, 8, 0
    function _ZN2v88internal20MarkCompactCollector22ClearNonLiveReferencesEv, 0
    .endif
    function _ZN2v88internal4Heap8TearDownEv, 8
    function _ZN2v88internal18ScavengerCollector14CollectGarbageEv, 8
    function _ZN2v88internal19NewLargeObjectSpace15FreeDeadObjectsERKSt8functionIFbNS0_10HeapObjectEEE, 8
    function _ZN2v88internal20MarkCompactCollector27ReleaseEvacuationCandidatesEv, 8
    .globl _start
_start:
    ret
