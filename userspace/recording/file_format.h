// The file of a recording: a head of 16 bytes (the magic, the version of the format, zeros), then one zstd frame, flushed after each
// report, so that a file that was cut off can be read up to the cut. What is packed in it is a row of blocks:
//
//   u32 length, u32 check sum (CRC-32), then as many bytes:
//     strings    number, then length and bytes of each: those that no earlier block had
//     frames     number, then each as a structure
//     stacks     number, then each as a number of frames, innermost first
//     report     a structure
//
// Numbers are LEB128, signed ones by zigzag; a structure is its length and its fields in the order of report_fields.h; a string is 1 + its
// number, 0 for ""; the frames of a stack are 1 + its number, 0 for none. Used by the writer and the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace whoholds::recording {

constexpr std::string_view kMagic = "whoholds.rec";  // 12 bytes
constexpr uint16_t kVersion = 1;
constexpr size_t kHeadBytes = 16;
constexpr int kWindowLog = 23;  // 8 MiB: memory of both sides, and how far back reports may repeat
constexpr size_t kMostBlockBytes = size_t{256} << 20;  // of one report
constexpr size_t kMostTableBytes = size_t{1} << 30;    // of all strings, frames and stacks
// Before a block, both sides forget all strings, frames and stacks if what earlier blocks had of them, as packed there, is more than
// this: those that no report names any more must not pile up.
constexpr size_t kForgetTablesBytes = size_t{32} << 20;
constexpr size_t kMostTableEntries = size_t{16} << 20;

}  // namespace whoholds::recording
