// static_assert for headers that BPF C and C++ share.
#ifndef WHOHOLDS_SHARED_ASSERT_H
#define WHOHOLDS_SHARED_ASSERT_H

#ifdef __cplusplus
#define WH_STATIC_ASSERT(condition) static_assert(condition)
#else
#define WH_STATIC_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#endif
