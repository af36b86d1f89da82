//===- CheckDialect.cpp - Expectations about tensors, for tests -----------===//

#include "dialect/Check/CheckDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace mlir;
using namespace oriel::check;

#include "dialect/Check/CheckDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialect/Check/CheckOps.cpp.inc"

void CheckDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialect/Check/CheckOps.cpp.inc"
      >();
}

LogicalResult ExpectCloseOp::verify() {
  double absolute = getAbsolute().convertToDouble();
  int64_t ulps = static_cast<int64_t>(getUlps());
  if (ulps < 0 || !(absolute >= 0) || std::isinf(absolute))
    return emitOpError() << "tolerances are ulps " << ulps << " and absolute "
                         << absolute << ", required finite and not negative";
  if (ulps == 0 && absolute == 0)
    return emitOpError() << "has no tolerance: give ulps or absolute, or use "
                            "check.expect_eq";
  if (ulps != 0 && !isa<FloatType>(getElementTypeOrSelf(getActual())))
    return emitOpError() << "has ulps on " << getActual().getType()
                         << ", required a tensor of floats";
  return success();
}

// The position of a float in the order of all floats of its width: neighbours
// differ by one.
static int64_t orderOf(const char *bytes, size_t size) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);
  uint64_t sign = uint64_t(1) << (8 * size - 1);
  return bits & sign ? -static_cast<int64_t>(bits & (sign - 1))
                     : static_cast<int64_t>(bits);
}

std::string oriel::check::explainMismatch(const oriel::Tensor &actual,
                                          const oriel::Tensor &expected,
                                          int64_t ulps, double absolute) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape())
    return std::string(NumpyName(actual.dtype())) + " " +
           ToString(actual.shape()) + ", expected " +
           std::string(NumpyName(expected.dtype())) + " " +
           ToString(expected.shape());
  Tensor a = actual.Contiguous(), e = expected.Contiguous();
  const char *left = static_cast<const char *>(a.raw());
  const char *right = static_cast<const char *>(e.raw());
  size_t size = SizeOf(a.dtype());
  bool isFloat = IsFloat(a.dtype());
  std::string first;
  int64_t wrong = 0;
  Extents index(a.rank(), 0);
  for (int64_t i = 0, n = a.size(); i < n; ++i, left += size, right += size) {
    if (std::memcmp(left, right, size) != 0) {
      double x = a.ElementAsDouble(index), y = e.ElementAsDouble(index);
      // Differences wrap for floats of opposite sign and of 64 bits: compare
      // them as unsigned.
      uint64_t apart = 0;
      if (isFloat) {
        int64_t p = orderOf(left, size), q = orderOf(right, size);
        apart = p > q ? uint64_t(p) - uint64_t(q) : uint64_t(q) - uint64_t(p);
      }
      bool bothNaN = isFloat && std::isnan(x) && std::isnan(y);
      bool isClose = (absolute > 0 && std::abs(x - y) <= absolute) ||
                     (isFloat && !std::isnan(x) && !std::isnan(y) && ulps > 0 &&
                      apart <= uint64_t(ulps));
      if (!bothNaN && !isClose && wrong++ == 0) {
        first = "element " + ToString(index) + ": ";
        if (isFloat) {
          char text[96];
          std::snprintf(text, sizeof(text), "%.17g, expected %.17g", x, y);
          first += text;
          if (!std::isnan(x) && !std::isnan(y))
            first += " (" + std::to_string(apart) + " ulps apart)";
        } else {
          first += std::to_string(a.ElementAsInt(index)) + ", expected " +
                   std::to_string(e.ElementAsInt(index));
        }
      }
    }
    for (int axis = a.rank() - 1; axis >= 0; --axis) {
      if (++index[axis] < a.shape()[axis])
        break;
      index[axis] = 0;
    }
  }
  if (wrong > 1)
    first += "; " + std::to_string(wrong) + " of " + std::to_string(a.size()) +
             " elements differ";
  return first;
}

std::string oriel::check::explainMismatch(Operation *op,
                                          const oriel::Tensor &actual,
                                          const oriel::Tensor &expected) {
  if (auto close = dyn_cast<ExpectCloseOp>(op))
    return explainMismatch(actual, expected, close.getUlps(),
                           close.getAbsolute().convertToDouble());
  return explainMismatch(actual, expected);
}
