// The pullback of a sort.
#include "runtime/graph/builder.h"
#include "runtime/graph/pullback.h"

namespace oriel::graph::pullback {

// Each element's gradient goes back to where the element came from.
void Sort(Pullback& p) {
  const int axis = static_cast<int>(*p.attrs().Get<int64_t>("axis"));
  const Value from = argsort(p.x(), axis);
  p.Give(0, scatter_add(ZerosLike(p.x()), PositionsAlong(from, static_cast<size_t>(axis), Location::current()), p.g()));
}

}  // namespace oriel::graph::pullback
