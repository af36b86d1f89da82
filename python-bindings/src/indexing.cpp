// x[index]: Python's index objects as those of the C++ library.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "oriel/compose.h"
#include "oriel/errors.h"
#include "oriel/taps.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

using Index = Value::Index;

std::optional<Dim> ToBound(nb::handle object, const Location& at) {
  if (object.is_none()) return std::nullopt;
  return ToDim(object, at);
}

int64_t ToStep(nb::handle object, const Location& at) {
  if (object.is_none()) return 1;
  const Dim step = ToDim(object, at);
  if (!step.is_static()) {
    Check(absl::UnimplementedError("the step of a slice must be an integer, got " + step.ToString()));
  }
  return step.value();
}

bool IsMaskArray(nb::handle item) {
  const Variable* variable = AsVariable(item);
  return variable != nullptr && variable->value.ok() && IsBool(variable->value.dtype()) && variable->value.rank() > 0;
}

// A list or tuple of numbers as the array it stands for, any other entry as it is.
nb::object AsEntry(nb::handle item) {
  if ((!PyList_Check(item.ptr()) && !PyTuple_Check(item.ptr())) || HoldsVariable(item)) return nb::borrow(item);
  const nb::object array = ToNumpy(ToTensor(item));
  return nb::cast<int64_t>(array.attr("size")) == 0 ? array.attr("astype")("int64") : array;  // no floats either
}

bool IsConstantMask(nb::handle item) {
  if (AsVariable(item) != nullptr || !nb::hasattr(item, "dtype") || !nb::hasattr(item, "ndim")) return false;
  return nb::cast<int>(nb::object(item.attr("ndim"))) > 0 && IsBool(ToDType(nb::object(item.attr("dtype"))));
}

// A mask has the extents of the axes from `axis` on that it stands for: here, or
// when they are known.
void CheckMask(nb::handle mask, int axis, Operand* base, const Location& at) {
  const Variable* variable = AsVariable(mask);
  const nb::object shape = variable == nullptr ? nb::object(mask.attr("shape")) : nb::none();
  const int rank = variable == nullptr ? static_cast<int>(nb::len(shape)) : variable->value.rank();
  std::vector<Value> conditions;
  for (int i = 0; i < rank && axis + i < base->value.rank(); ++i) {
    const Dim extent = base->value.dim(axis + i), wanted = variable != nullptr ? variable->value.dim(i) : Dim(nb::cast<int64_t>(nb::object(shape[i])));
    if (extent == wanted) continue;
    if (extent.is_static() && wanted.is_static()) {
      Check(absl::OutOfRangeError("boolean index did not match indexed array along axis " + std::to_string(axis + i) +
                                  "; size of axis is " + extent.ToString() + " but size of corresponding boolean axis is " +
                                  wanted.ToString()));
    }
    conditions.push_back(equal(Operand(dim_value(extent, at), at), Operand(dim_value(wanted, at), at)));
  }
  if (conditions.empty()) return;
  base->value = assert_that(*base, "boolean index did not match indexed array", std::move(conditions));
  Check(base->value.status());
}

// One entry; a constant mask becomes the arrays of its positions.
void AppendIndex(nb::handle item, const Location& at, std::vector<Index>* indices) {
  PyObject* o = item.ptr();
  if (item.is_none()) {
    indices->push_back(Index::NewAxis(at));
  } else if (PySlice_Check(o)) {
    indices->push_back(slice(ToBound(item.attr("start"), at), ToBound(item.attr("stop"), at),
                             ToStep(item.attr("step"), at), at));
  } else if (PyBool_Check(o)) {
    Check(absl::UnimplementedError("an index may not be a bool: use None, an integer or an array"));
  } else if (PyIndex_Check(o) && AsVariable(item) == nullptr && PyNumber_Check(o) && !nb::hasattr(item, "ndim")) {
    const nb::object integer = nb::steal(PyNumber_Index(o));
    if (!integer.is_valid()) throw nb::python_error();
    indices->push_back(Index(nb::cast<int64_t>(integer), at));
  } else if (IsMaskArray(item)) {
    for (const Value& positions : nonzero(Operand(AsVariable(item)->value, at))) indices->push_back(Index(positions, at));
  } else if (AsVariable(item) == nullptr && !PyList_Check(o) && !PyTuple_Check(o)) {
    const Tensor array = ToTensor(item);
    if (IsBool(array.dtype()) && array.rank() > 0) {
      for (nb::handle positions : nb::iter(nb::module_::import_("numpy").attr("nonzero")(item))) {
        indices->push_back(Index(constant(ToTensor(positions), at), at));
      }
    } else if (array.rank() == 0 && IsInteger(array.dtype())) {
      indices->push_back(Index(array.ElementAsInt({}), at));
    } else {
      indices->push_back(Index(constant(array, at), at));
    }
  } else {
    const Value value = ToValue(item, at);
    // A position made of sizes is a view, any other a gather.
    std::optional<Dim> dim = value.rank() == 0 ? AsDim(value) : std::nullopt;
    if (dim) {
      Index index(0, at);
      index.kind = dim->is_static() ? Index::Kind::kInt : Index::Kind::kDim;
      if (dim->is_static()) index.integer = dim->value();
      index.start = *dim;
      indices->push_back(index);
    } else {
      indices->push_back(Index(value, at));
    }
  }
}

// How many axes of the base an entry takes.
int AxesOf(nb::handle item) {
  if (item.is_none() || item.is(nb::ellipsis())) return 0;
  if (IsMaskArray(item)) return AsVariable(item)->value.rank();
  if (PySlice_Check(item.ptr()) || AsVariable(item) != nullptr || PyLong_Check(item.ptr())) return 1;
  return IsConstantMask(item) ? nb::cast<int>(item.attr("ndim")) : 1;
}

// The mask whose nonzero() is the whole index, if one is.
std::optional<Value> MaskOf(nb::handle index) {
  if (IsMaskArray(index)) return nb::inst_ptr<Variable>(index)->value;
  if (const Variable* one = AsVariable(index); one != nullptr && one->nonzero != nullptr) {
    return one->nonzero->mask.rank() == 1 ? std::optional<Value>(one->nonzero->mask) : std::nullopt;
  }
  if (!PyTuple_Check(index.ptr()) || PyTuple_GET_SIZE(index.ptr()) == 0) return std::nullopt;
  if (PyTuple_GET_SIZE(index.ptr()) == 1 && IsMaskArray(nb::handle(PyTuple_GET_ITEM(index.ptr(), 0)))) {
    return nb::inst_ptr<Variable>(nb::handle(PyTuple_GET_ITEM(index.ptr(), 0)))->value;
  }
  std::optional<Value> mask;
  int axis = 0;
  for (nb::handle item : index) {
    const Variable* variable = AsVariable(item);
    if (variable == nullptr || variable->nonzero == nullptr) return std::nullopt;
    const NonzeroOf& one = *variable->nonzero;
    if ((mask && mask->id() != one.mask.id()) || one.axis != axis++) return std::nullopt;
    mask = one.mask;
  }
  return mask && mask->rank() == axis ? mask : std::nullopt;
}

Value WriteTo(nb::handle part, nb::handle value, bool add, const char* name) {
  const Location at = Caller();
  const Variable* variable = AsVariable(part);
  if (variable == nullptr || variable->part == nullptr) {
    throw nb::type_error((std::string(name) + ": the first argument must be a part x[index] of a tensor").c_str());
  }
  const Operand operand = ToOperand(value, at);
  return add ? inc_subtensor(*variable->part, operand) : set_subtensor(*variable->part, operand);
}

}  // namespace

nb::tuple PositionsOf(Value x, const Location& at) {
  Check(x.status());
  if (!IsBool(x.dtype())) x = not_equal(Operand(x, at), Operand(0, at));
  const std::vector<Value> positions = nonzero(Operand(x, at));
  nb::list axes;
  for (size_t axis = 0; axis < positions.size(); ++axis) {
    const VariableObject one = Wrap(positions[axis]);
    nb::inst_ptr<Variable>(one)->nonzero = std::make_shared<const NonzeroOf>(NonzeroOf{x, static_cast<int>(axis)});
    axes.append(one);
  }
  return nb::tuple(axes);
}

VariableObject GetItem(nb::handle self, nb::handle index, const Location& at) {
  Operand base = ToOperand(self, at);
  std::shared_ptr<const Subtensor> part;
  if (std::optional<Value> mask = MaskOf(index)) {
    part = std::make_shared<const Subtensor>(Subtensor::Masked(base, Operand(*mask, at), at));
  } else {
    std::vector<Index> indices;
    std::vector<nb::object> entries;
    if (PyTuple_Check(index.ptr())) {
      for (nb::handle item : index) entries.push_back(AsEntry(item));
    } else {
      entries.push_back(AsEntry(index));
    }
    const int rank = base.value.rank();
    int taken = 0, ellipses = 0, axis = 0;
    for (const nb::object& entry : entries) {
      taken += AxesOf(entry);
      ellipses += entry.is(nb::ellipsis()) ? 1 : 0;
    }
    if (ellipses > 1) Check(absl::InvalidArgumentError("an index can only have a single ellipsis ('...')"));
    for (const nb::object& entry : entries) {
      if (entry.is(nb::ellipsis())) {
        for (int rest = taken; rest < rank; ++rest, ++axis) indices.push_back(all(at));
        continue;
      }
      if (IsConstantMask(entry) || IsMaskArray(entry)) CheckMask(entry, axis, &base, at);
      AppendIndex(entry, at, &indices);
      axis += AxesOf(entry);
    }
    // A size of a shape is that size, not a read of a vector of them.
    if (indices.size() == 1 && indices[0].kind == Index::Kind::kInt && rank == 1) {
      const std::optional<Dims> dims = AsDims(base.value);
      const int64_t i = indices[0].integer, n = dims ? static_cast<int64_t>(dims->size()) : 0;
      if (dims && i >= -n && i < n) return Wrap(dim_value((*dims)[static_cast<size_t>(i < 0 ? i + n : i)], at));
    }
    part = std::make_shared<const Subtensor>(Subtensor::Of(base, std::move(indices), at));
    Check(part->read().status());
  }
  VariableObject result = WrapUnchecked(part->read());
  nb::inst_ptr<Variable>(result)->part = std::move(part);
  return result;
}

void BindIndexing(nb::module_& tensor) {
  tensor.def(
      "set_subtensor", [](nb::handle x, nb::handle y) { return Wrap(WriteTo(x, y, false, "set_subtensor")); },
      nb::arg("x"), nb::arg("y"),
      "The tensor that `x` (as base[index]) is part of, with the part replaced by `y`.\n\n"
      "Tensors never change: the result is a new one, made in place where nothing else needs the old.\n"
      "`y` is broadcast to the part and cast to the base's dtype; of equal indices the last wins.");
  tensor.def(
      "inc_subtensor", [](nb::handle x, nb::handle y) { return Wrap(WriteTo(x, y, true, "inc_subtensor")); },
      nb::arg("x"), nb::arg("y"),
      "As set_subtensor, with `y` added to the part. Equal indices accumulate, as in numpy.add.at.");
}

}  // namespace oriel::python
