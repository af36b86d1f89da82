// The `check` dialect: tests that state what they expect, as ops.
#ifndef ORIEL_DIALECT_CHECK_CHECKOPS_TD
#define ORIEL_DIALECT_CHECK_CHECKOPS_TD

include "mlir/IR/OpBase.td"

def Check_Dialect : Dialect {
  let name = "check";
  let cppNamespace = "::oriel::check";
  let summary = "Expectations about tensors, for tests";
  let description = [{
    A numeric test is a graph with its inputs, what it computes and ops that say
    what must come out; whoever runs the graph runs the checks.
  }];
}

class Check_Op<string mnemonic>
    : Op<Check_Dialect, mnemonic, [AllTypesMatch<["actual", "expected"]>]>;

def Check_ExpectEqOp : Check_Op<"expect_eq"> {
  let summary = "Fails unless two tensors are equal element by element";
  let description = [{
    Equal are numbers with equal bits (+0.0 is not -0.0) and any two NaNs.

    ```mlir
    func.func @example() {
      %0 = oriel.constant dense<[1, 2]> : tensor<2xi64>
      %1 = oriel.add %0, %0 : tensor<2xi64>
      %2 = oriel.constant dense<[2, 4]> : tensor<2xi64>
      check.expect_eq %1, %2 : tensor<2xi64>
      return
    }
    ```
  }];
  let arguments = (ins AnyRankedTensor:$actual, AnyRankedTensor:$expected);
  let assemblyFormat = "$actual `,` $expected attr-dict `:` type($actual)";
}

def Check_ExpectCloseOp : Check_Op<"expect_close"> {
  let summary = "Fails unless two tensors are close element by element";
  let description = [{
    Close are elements that `check.expect_eq` takes for equal, that differ by at
    most `absolute`, or whose representations are at most `ulps` apart. One of
    the two must be given; only floats have `ulps`.

    ```mlir
    func.func @example() {
      %0 = oriel.constant dense<[1.0, 2.0]> : tensor<2xf32>
      %1 = oriel.exp %0 : tensor<2xf32>
      %2 = oriel.constant dense<[2.7182818, 7.389056]> : tensor<2xf32>
      check.expect_close %1, %2 ulps 1 absolute 1.0e-9 : tensor<2xf32>
      return
    }
    ```
  }];
  let arguments = (ins AnyRankedTensor:$actual, AnyRankedTensor:$expected,
                       DefaultValuedAttr<I64Attr, "0">:$ulps,
                       DefaultValuedAttr<F64Attr, "0.0">:$absolute);
  let assemblyFormat = [{
    $actual `,` $expected (`ulps` $ulps^)? (`absolute` $absolute^)? attr-dict `:` type($actual)
  }];
  let hasVerifier = 1;
}

#endif // ORIEL_DIALECT_CHECK_CHECKOPS_TD
