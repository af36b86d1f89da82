// File: mlir_syntax.h
//
// Pieces of MLIR text: types, dims, strings, symbols, dense elements.
#ifndef ORIEL_GRAPH_MLIR_SYNTAX_H_
#define ORIEL_GRAPH_MLIR_SYNTAX_H_

#include <string>
#include <string_view>
#include <vector>

#include "oriel/dim.h"
#include "oriel/tensor.h"
#include "runtime/ops/infer.h"

namespace oriel::graph {

// "tensor<?x64xf32>".
std::string MlirType(const TensorType& type);
// "<batch, 64, \"2*n\">": what #oriel.dims takes.
std::string MlirDims(const Dims& dims);
// "[0, 2]".
std::string MlirInts(const std::vector<int64_t>& values);
// A quoted, escaped string.
std::string MlirString(std::string_view text);
// "@W", "@\"odd name\"".
std::string MlirSymbol(std::string_view name);
bool IsMlirIdentifier(std::string_view name);

// "dense<[1.0, 2.0]>" for few elements or one repeated, else
// "dense_resource<NAME>" with the blob's text added to `resources`.
struct MlirResource {
  std::string name, blob;
};
std::string MlirElements(const Tensor& value, std::vector<MlirResource>* resources);
// The `{-# ... #-}` section, "" for none.
std::string MlirResourceSection(const std::vector<MlirResource>& resources);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_MLIR_SYNTAX_H_
