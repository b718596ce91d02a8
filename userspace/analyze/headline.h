// The headline frame: the one line of a stack that a person should look at first. Stacks of acquired memory begin with
// wrappers and library leaves that all of them have in common; the headline is the innermost frame of the user's own
// code. Used by the report builder (StackReport.headline) and by the text report. Pure: it sees frames, never files.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "symbolize/symbolizer.h"

namespace whoholds {

// Index of the headline frame; frames are innermost first (behind those of a goroutine its creator's), exe is the path of the main
// executable as the target sees it. Wrappers of allocators, std:: and program start-up are passed over. The first of these that
// exists: of Python or JavaScript code the innermost frame of the user's, of what was made at run time, of an installed library; the innermost
// frame of the user's code (the main executable, or a library outside of the system's directories; of Go code see is_own_go_code);
// generated code of the user's Go modules; the innermost frame of another Go module; of Go's own library what is above its
// groundwork; the innermost frame of the own library of Python or Node; of a system library that is neither a language's runtime nor an allocator;
// the outermost wrapper outside of the runtimes; the first frame that is no wrapper; frame 0. 0 for no frames.
size_t headline_frame(std::span<const Frame> frames, std::string_view exe);

// The frame's name for people and for JSON: the function, or module+0xoffset, or the bare address.
std::string frame_name(const Frame& frame);

// frame_name of the headline frame, "" for no frames.
std::string headline_of(std::span<const Frame> frames, std::string_view exe);

// Of the main executable or a library outside of the system's directories, and no wrapper; of Go code see is_own_go_code.
bool is_user_code(const Frame& frame, std::string_view exe);

// Written by hand in one of the user's own modules, see go_own_modules().
bool is_own_go_code(const Frame& frame);

// A frame of Python or JavaScript code, and not of native code that it called.
bool is_script_code(const Frame& frame);

// malloc and operator new, whatever they are called: xmalloc, g_strdup, sqlite3Malloc, std::allocator::allocate.
bool is_allocator_wrapper(std::string_view function);

// libc, ld.so, the C++ and gcc runtimes, and the allocators, by the file's name.
bool is_runtime_module(std::string_view path);

}  // namespace whoholds
