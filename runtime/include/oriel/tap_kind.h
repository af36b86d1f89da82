// File: tap_kind.h
//
// TapKind: what a tap (taps.h) does with the values it is given.
#ifndef ORIEL_TAP_KIND_H_
#define ORIEL_TAP_KIND_H_

#include <cstdint>

namespace oriel {

// The numbers are part of the program file format: append, never renumber.
enum class TapKind : uint8_t { kPrint = 0, kAssert = 1, kWatch = 2 };

}  // namespace oriel

#endif  // ORIEL_TAP_KIND_H_
