// RUN: oriel-opt %s --oriel-evaluate -o /dev/null
// Folded and decomposed it is the same.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify --oriel-decompose --oriel-evaluate -o /dev/null

func.func @sequences() {
  %x = oriel.constant dense<[1, 2, 3, 4]> : tensor<4xi64>
  %n = oriel.constant dense<3> : tensor<i64>
  %zero = oriel.constant dense<0> : tensor<i64>
  // Rows 0, 1, 2 and 3, 2, 1.
  %0:2 = oriel.loop %i to %n extent <3> over (%a = %x from <0> by 1 : tensor<4xi64>, %b = %x from <3> by -1 : tensor<4xi64>) with (%c = %zero : tensor<i64>) collects (tensor<3xi64>) {
    %1 = oriel.mul %a, %b : tensor<i64>
    %2 = oriel.add %c, %1 : tensor<i64>
    oriel.yield %2, %2 : tensor<i64>, tensor<i64>
  }
  %last = oriel.constant dense<16> : tensor<i64>
  %rows = oriel.constant dense<[4, 10, 16]> : tensor<3xi64>
  check.expect_eq %0#0, %last : tensor<i64>
  check.expect_eq %0#1, %rows : tensor<3xi64>
  return
}

// Rows that no iteration wrote are zero; a trip count above the extent is the
// extent.
func.func @clamped() {
  %ten = oriel.constant dense<10> : tensor<i64>
  %two = oriel.constant dense<2> : tensor<i64>
  %minus = oriel.constant dense<-3> : tensor<i64>
  %0 = oriel.loop %i to %ten extent <3> with () collects (tensor<3xi64>) {
    oriel.yield %i : tensor<i64>
  }
  %1 = oriel.constant dense<[0, 1, 2]> : tensor<3xi64>
  check.expect_eq %0, %1 : tensor<3xi64>
  %2:2 = oriel.loop %i to %two extent <3> with (%c = %ten : tensor<i64>) reverse collects (tensor<3xi64>) {
    %3 = oriel.add %c, %i : tensor<i64>
    oriel.yield %3, %3 : tensor<i64>, tensor<i64>
  }
  %4 = oriel.constant dense<[11, 11, 0]> : tensor<3xi64>
  check.expect_eq %2#1, %4 : tensor<3xi64>
  %5:2 = oriel.loop %i to %minus extent <3> with (%c = %ten : tensor<i64>) collects (tensor<3xi64>) {
    %6 = oriel.add %c, %i : tensor<i64>
    oriel.yield %6, %6 : tensor<i64>, tensor<i64>
  }
  %7 = oriel.constant dense<0> : tensor<3xi64>
  check.expect_eq %5#0, %ten : tensor<i64>
  check.expect_eq %5#1, %7 : tensor<3xi64>
  return
}

func.func @until() {
  %ten = oriel.constant dense<10> : tensor<i64>
  %two = oriel.constant dense<2> : tensor<i64>
  %0:2 = oriel.loop %i to %ten extent <5> with () until collects (tensor<5xi64>) {
    %1 = oriel.compare eq %i, %two : tensor<i64>
    oriel.yield %i, %1 : tensor<i64>, tensor<i1>
  }
  %rows = oriel.constant dense<[0, 1, 2, 0, 0]> : tensor<5xi64>
  %count = oriel.constant dense<3> : tensor<i64>
  check.expect_eq %0#0, %rows : tensor<5xi64>
  check.expect_eq %0#1, %count : tensor<i64>
  return
}
