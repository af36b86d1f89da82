// File: attrs.h
//
// Attrs: an op's attributes by name, as inference and the reference kernels
// read them. Enum attributes are their spelling ("sum", "lt").
#ifndef ORIEL_OPS_ATTRS_H_
#define ORIEL_OPS_ATTRS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "oriel/tensor.h"

namespace oriel {

using AttrValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, Dims, Tensor, DType>;

// A small ordered map: order of insertion is the order of printing. The names
// and kinds of an op's attributes are in op_table.inc; where MLIR keeps an
// element type in the result type, it is the attribute "dtype" here (cast,
// iota, state_read).
class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<std::string, AttrValue>> entries) {
    for (const auto& [name, value] : entries) Set(name, value);
  }

  void Set(std::string_view name, AttrValue value);
  // nullptr when there is none of that name and type.
  template <typename T>
  const T* Get(std::string_view name) const {
    const AttrValue* value = Find(name);
    return value == nullptr ? nullptr : std::get_if<T>(value);
  }
  // InvalidArgument("attribute 'axis' is missing") or (".. is not an integer").
  template <typename T>
  absl::StatusOr<T> Require(std::string_view name) const {
    if (const T* value = Get<T>(name)) return *value;
    return Missing(name);
  }
  const AttrValue* Find(std::string_view name) const;
  bool empty() const { return entries_.empty(); }
  const std::vector<std::pair<std::string, AttrValue>>& entries() const { return entries_; }

 private:
  absl::Status Missing(std::string_view name) const;
  std::vector<std::pair<std::string, AttrValue>> entries_;
};

}  // namespace oriel

#endif  // ORIEL_OPS_ATTRS_H_
