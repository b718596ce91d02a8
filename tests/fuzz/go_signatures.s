# A function of two parameters and two results as Go's debug information describes it: (number int, what closer) (*door, wrapped);
# with a variable of its own and one in a block.
    .text
    .globl _start
_start:
    ret
.Lend:
    .section .debug_abbrev,"",@progbits
    .macro abbrev number, tag, children
    .uleb128 \number, \tag
    .byte \children
    .endm
    .macro attribute name, form
    .uleb128 \name, \form
    .endm
    .macro end
    .byte 0, 0
    .endm
    abbrev 1, 0x11, 1   # unit
    attribute 0x03, 0x08
    attribute 0x11, 0x01
    attribute 0x12, 0x07
    end
    abbrev 2, 0x2e, 1   # function
    attribute 0x03, 0x08
    attribute 0x11, 0x01
    attribute 0x12, 0x07
    end
    abbrev 3, 0x05, 0   # parameter
    attribute 0x03, 0x08
    attribute 0x4b, 0x0c
    attribute 0x49, 0x13
    end
    abbrev 4, 0x24, 0   # number
    attribute 0x03, 0x08
    attribute 0x0b, 0x0b
    attribute 0x2900, 0x0b
    end
    abbrev 5, 0x0f, 0   # pointer
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    attribute 0x2900, 0x0b
    end
    abbrev 6, 0x16, 0   # interface
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    attribute 0x2900, 0x0b
    end
    abbrev 7, 0x13, 1   # structure
    attribute 0x03, 0x08
    attribute 0x2900, 0x0b
    end
    abbrev 8, 0x0d, 0   # member
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    end
    abbrev 9, 0x01, 1   # array
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    attribute 0x2900, 0x0b
    end
    abbrev 10, 0x21, 0  # its length
    attribute 0x37, 0x0b
    end
    abbrev 11, 0x34, 0  # variable
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    end
    abbrev 12, 0x0b, 1  # block
    end
    .byte 0

    .section .debug_info,"",@progbits
.Linfo:
    .long .Linfo_end - .Lversion
.Lversion:
    .short 4
    .long 0
    .byte 8
    .uleb128 1
    .asciz "main"
    .quad _start
    .quad .Lend - _start
    .uleb128 2
    .asciz "main.Open"
    .quad _start
    .quad .Lend - _start
    .macro parameter name, is_result, type
    .uleb128 3
    .asciz "\name"
    .byte \is_result
    .long \type - .Linfo
    .endm
    parameter number, 0, .Lint
    parameter what, 0, .Lcloser
    parameter "~r0", 1, .Lpointer
    parameter "~r1", 1, .Lwrapped
    .uleb128 11
    .asciz "door"
    .long .Lpointer - .Linfo
    .uleb128 12
    .uleb128 11
    .asciz "closer"
    .long .Lcloser - .Linfo
    .byte 0
    .byte 0
.Lint:
    .uleb128 4
    .asciz "int"
    .byte 8, 2
.Lpointer:
    .uleb128 5
    .asciz "*main.Door"
    .long .Ldoor - .Linfo
    .byte 22
.Lcloser:
    .uleb128 6
    .asciz "io.Closer"
    .long .Ldoor - .Linfo
    .byte 20
.Ldoor:
    .uleb128 7
    .asciz "main.Door"
    .byte 25
    .byte 0
.Lwrapped:
    .uleb128 7
    .asciz "main.Wrapped"
    .byte 25
    .uleb128 8
    .asciz "doors"
    .long .Larray - .Linfo
    .uleb128 8
    .asciz "what"
    .long .Lcloser - .Linfo
    .byte 0
.Larray:
    .uleb128 9
    .asciz "[1]*main.Door"
    .long .Lpointer - .Linfo
    .byte 17
    .uleb128 10
    .byte 1
    .byte 0
    .byte 0
.Linfo_end:
