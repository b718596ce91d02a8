// How series of looks stay bounded: every second one goes. Used by History and its parts.
#pragma once

#include <cstddef>
#include <vector>

namespace whoholds {

// Of the whole history the odd indexes stay: the last look is one of them. first: the index of the first value.
template <class T>
void keep_every_second(std::vector<T>& values, size_t first) {
    size_t kept = 0;
    for (size_t i = 0; i < values.size(); i++)
        if ((first + i) % 2 == 1) values[kept++] = values[i];
    values.resize(kept);
}

}  // namespace whoholds
