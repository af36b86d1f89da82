#include "runtime/ops/op_call.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/core/bytes.h"
#include "runtime/core/status.h"
#include "runtime/ops/reference.h"

namespace oriel {
namespace {

void Write(ByteWriter& w, const AttrValue& value) {
  w.U8(static_cast<uint8_t>(value.index()));
  if (const auto* v = std::get_if<int64_t>(&value)) w.I64(*v);
  if (const auto* v = std::get_if<double>(&value)) w.F64(*v);
  if (const auto* v = std::get_if<bool>(&value)) w.Bool(*v);
  if (const auto* v = std::get_if<std::string>(&value)) w.Str(*v);
  if (const auto* v = std::get_if<std::vector<int64_t>>(&value)) {
    w.Count(v->size());
    for (int64_t x : *v) w.I64(x);
  }
  if (const auto* v = std::get_if<Dims>(&value)) {
    w.Count(v->size());
    for (const Dim& dim : *v) w.Str(dim.ToString());
  }
  if (const auto* v = std::get_if<Tensor>(&value)) {
    const Tensor t = v->Contiguous();
    w.U8(static_cast<uint8_t>(t.dtype()));
    w.Count(t.shape().size());
    for (int64_t extent : t.shape()) w.I64(extent);
    w.Bytes(t.raw(), t.bytes());
  }
  if (const auto* v = std::get_if<DType>(&value)) w.U8(static_cast<uint8_t>(*v));
}

Tensor ReadTensor(ByteReader& r) {
  const DType dtype = r.Enum(DType::boolean, "dtype");
  Extents shape;
  for (size_t i = 0, n = r.Count(8); i < n && r.ok(); ++i) shape.push_back(r.I64());
  const std::string_view data = r.View();
  if (!r.ok()) return Tensor();
  absl::StatusOr<Tensor> tensor = Tensor::Empty(shape, dtype);
  if (!tensor.ok() || tensor->bytes() != data.size()) {
    r.Fail("a tensor of another size");
    return Tensor();
  }
  std::copy(data.begin(), data.end(), static_cast<char*>(tensor->raw()));
  return *std::move(tensor);
}

AttrValue Read(ByteReader& r) {
  switch (r.U8()) {
    case 0:
      return r.I64();
    case 1:
      return r.F64();
    case 2:
      return r.Bool();
    case 3:
      return r.Str();
    case 4: {
      std::vector<int64_t> values;
      for (size_t i = 0, n = r.Count(8); i < n && r.ok(); ++i) values.push_back(r.I64());
      return values;
    }
    case 5: {
      Dims dims;
      for (size_t i = 0, n = r.Count(8); i < n && r.ok(); ++i) {
        absl::StatusOr<Dim> dim = Dim::Parse(r.View());
        if (!dim.ok()) {
          r.Fail("a dim that does not parse");
        } else {
          dims.push_back(*std::move(dim));
        }
      }
      return dims;
    }
    case 6:
      return ReadTensor(r);
    case 7:
      return r.Enum(DType::boolean, "dtype");
    default:
      r.Fail("an attribute of unknown kind");
      return int64_t{0};
  }
}

// Relative rounding of one operation, and the distance between neighbours.
double EpsilonOf(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return std::ldexp(1.0, -52);
    case DType::f32:
      return std::ldexp(1.0, -23);
    case DType::f16:
      return std::ldexp(1.0, -10);
    default:
      return std::ldexp(1.0, -7);
  }
}

bool Accumulates(const OpCall& call) {
  const std::string* kind = call.attrs.Get<std::string>("kind");
  return call.kind == OpKind::kMatMul || (call.kind == OpKind::kReduce && kind != nullptr && (*kind == "sum" || *kind == "prod")) ||
         (call.kind == OpKind::kScatter && kind != nullptr && *kind == "add");
}

// A sum in another order differs by roundings of the size of what is summed: the
// same op on absolute values tells that size.
absl::StatusOr<Tensor> Magnitude(const OpCall& call, absl::Span<const Tensor> operands, const DimBindings& dims) {
  std::vector<Tensor> absolute;
  for (const Tensor& operand : operands) {
    if (!IsFloat(operand.dtype())) {
      absolute.push_back(operand);
      continue;
    }
    ORIEL_ASSIGN_OR_RETURN(const Tensor wide, operand.Cast(DType::f64));
    ORIEL_ASSIGN_OR_RETURN(std::vector<Tensor> made, EvaluateOp(OpKind::kAbs, {}, {wide}, dims));
    absolute.push_back(std::move(made[0]));
  }
  ORIEL_ASSIGN_OR_RETURN(std::vector<Tensor> results, EvaluateOp(call.kind, call.attrs, absolute, dims));
  return std::move(results[0]);
}

}  // namespace

std::string WriteOpCall(const OpCall& call) {
  ByteWriter w;
  w.Str(GetOpInfo(call.kind).mnemonic);
  w.Count(call.operands.size());
  for (int32_t operand : call.operands) w.I32(operand);
  w.Count(call.attrs.entries().size());
  for (const auto& [name, value] : call.attrs.entries()) {
    w.Str(name);
    Write(w, value);
  }
  return w.Take();
}

absl::StatusOr<OpCall> ReadOpCall(std::string_view bytes) {
  ByteReader r(bytes);
  OpCall call;
  const std::string mnemonic = r.Str();
  const std::optional<OpKind> kind = ParseOpKind(mnemonic);
  if (r.ok() && !kind) r.Fail("the op '" + mnemonic + "', which does not exist");
  if (kind) call.kind = *kind;
  for (size_t i = 0, n = r.Count(4); i < n && r.ok(); ++i) call.operands.push_back(r.I32());
  for (size_t i = 0, n = r.Count(9); i < n && r.ok(); ++i) {
    const std::string name = r.Str();
    call.attrs.Set(name, Read(r));
  }
  r.ExpectEnd();
  if (!r.ok()) return Prefixed(r.status(), "an op of the program");
  return call;
}

absl::StatusOr<ReferenceResult> EvaluateOpCall(std::string_view bytes, absl::Span<const Tensor> inputs,
                                               const DimBindings& dims) {
  ORIEL_ASSIGN_OR_RETURN(const OpCall call, ReadOpCall(bytes));
  std::vector<Tensor> operands;
  for (int32_t operand : call.operands) {
    if (operand < 0 || static_cast<size_t>(operand) >= inputs.size()) {
      return absl::DataLossError("an op of the program reads input " + std::to_string(operand) + " of " + std::to_string(inputs.size()));
    }
    operands.push_back(inputs[static_cast<size_t>(operand)]);
  }
  ORIEL_ASSIGN_OR_RETURN(std::vector<Tensor> results, EvaluateOp(call.kind, call.attrs, operands, dims));
  if (results.size() != 1) return absl::UnimplementedError(GetOpInfo(call.kind).mnemonic + " has " + std::to_string(results.size()) + " results");
  ReferenceResult out;
  out.value = results[0].Contiguous();
  const DType dtype = out.value.dtype();
  if (!IsFloat(dtype)) return out;
  ORIEL_ASSIGN_OR_RETURN(const Tensor wide, out.value.Cast(DType::f64));
  out.tolerance = wide.Clone();
  double* tolerance = out.tolerance.data<double>();
  // Functions are within a few units of the last place.
  for (int64_t i = 0; i < wide.size(); ++i) {
    tolerance[i] = std::isfinite(tolerance[i]) ? 8 * EpsilonOf(dtype) * std::fabs(tolerance[i]) : 0;
    tolerance[i] += dtype == DType::f16 ? std::ldexp(1.0, -23) : dtype == DType::f64 ? 1e-307 : 1e-37;
  }
  if (!Accumulates(call)) return out;
  ORIEL_ASSIGN_OR_RETURN(const Tensor magnitude, Magnitude(call, operands, dims));
  const double per_sum = 64 * EpsilonOf(dtype == DType::f64 ? DType::f64 : DType::f32);
  for (int64_t i = 0; i < wide.size(); ++i) {
    const double size = magnitude.data<double>()[i];
    if (std::isfinite(size)) tolerance[i] += per_sum * size;
  }
  return out;
}

}  // namespace oriel
