// File: subtensor.h
//
// A part of a tensor that can be read, set and added to, as NumPy's x[index].
//
//   Subtensor rows = Subtensor::Of(x, {slice(1, 3), all()});
//   Value y = set_subtensor(rows, 0);            // x with x[1:3, :] = 0
//   Value z = inc_subtensor(Subtensor::Of(x, {indices}), g);  // np.add.at(x, indices, g)
//   Value w = set_subtensor(Subtensor::Masked(x, mask), 0);   // x[mask] = 0
//
// Tensors never change: set and inc give a new value, made in place where
// nothing else needs the old one. Values are immutable, so is a Subtensor.
#ifndef ORIEL_SUBTENSOR_H_
#define ORIEL_SUBTENSOR_H_

#include <optional>
#include <vector>

#include "oriel/value.h"

namespace oriel {

class Subtensor {
 public:
  // Integers, slices, new axes and integer arrays, as Value::operator[] takes
  // them. A wrong index poisons read().
  static Subtensor Of(const Operand& base, std::vector<Value::Index> indices, Location at = Location::current());
  // The elements of `base` where `mask` is true (an integer is true when it is
  // not 0); the mask's axes are the first of `base`.
  static Subtensor Masked(const Operand& base, const Operand& mask, Location at = Location::current());

  const Value& base() const { return base_; }
  // The part. Masked: [count, ...], where only a run knows the count.
  const Value& read() const { return read_; }

 private:
  friend Value set_subtensor(const Subtensor& part, const Operand& value);
  friend Value inc_subtensor(const Subtensor& part, const Operand& value);
  Subtensor() = default;
  Value Write(const Operand& value, bool add) const;

  Value base_, read_;
  std::vector<Value::Index> indices_;
  std::optional<Value> mask_;
  Value positions_;  // masked: where the mask is true, its axes taken as one
};

// The base with the part replaced by `value`, broadcast to the part's shape and
// cast to the base's dtype. Of equal indices the last wins.
Value set_subtensor(const Subtensor& part, const Operand& value);
// The base with `value` added to the part; equal indices accumulate.
Value inc_subtensor(const Subtensor& part, const Operand& value);

}  // namespace oriel

#endif  // ORIEL_SUBTENSOR_H_
