// Numbers as people read them: units, ages, rates, times. Pure functions; no locale, no clock.
// Used by the text report and by error messages. JSON carries the exact numbers instead.
#pragma once

#include <cstdint>
#include <string>

namespace whoholds {

// "0 B", "1,023 B", "54.1 MiB", "1.94 GiB": exact below 1 KiB, two decimals below 10 of a unit, else one.
// No decimals where the value is exactly whole: "2 GiB".
std::string human_bytes(uint64_t bytes);
// "+2.1 MiB", "-512 B", "0 B": one decimal at most; "n/a" for NaN and infinities.
std::string human_signed_bytes(double bytes);

// Every digit: "31,004", "12,345,678".
std::string exact_count(uint64_t count);
// As exact_count up to 9,999,999, then three significant digits: "24.1 M", "3.02 G".
std::string human_count(uint64_t count);
// "+12", "-3", "+0.4", "+31,004", "0": one decimal below 10 unless whole; "n/a" for NaN and infinities.
std::string human_signed_count(double count);

// "340 ms", "3.4 s", "60 s", "4 min", "5 h 12 min", "2 d 4 h". Rounded down, because an age is what has passed.
// A unit is kept until it reaches two of the next: 119 s, then 2 min. Negative is "0 ms"; "n/a" for NaN and infinities.
std::string human_age(double seconds);

// "2026-11-21T03:04:05.123Z" from nanoseconds since 1970 (milliseconds, rounded down).
std::string iso8601_utc(int64_t unix_ns);

}  // namespace whoholds
