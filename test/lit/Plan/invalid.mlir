// RUN: oriel-opt %s --split-input-file --verify-diagnostics

plan.program @undeclared symbols ["n"] {
  // expected-error@+1 {{has the size symbol 'm', required one of the program's symbols}}
  %x = plan.buffer input "x" : f32 #oriel.dims<m>
}

// -----

// expected-error@+1 {{declares the symbol "n" twice, required once}}
plan.program @twice symbols ["n", "n"] {
}

// -----

plan.program @constant symbols [] {
  // expected-error@+1 {{is a constant without a value}}
  %c = plan.buffer constant "c" : f32 #oriel.dims<2>
}

// -----

plan.program @value_type symbols [] {
  // expected-error@+1 {{has a value of element type 'f32', required 'f64'}}
  %c = plan.buffer constant "c" : f64 #oriel.dims<2> = dense<1.0> : tensor<2xf32>
}

// -----

plan.program @value_shape symbols [] {
  // expected-error@+1 {{has a value of type 'tensor<2xf32>', required shape (3,)}}
  %c = plan.buffer constant "c" : f32 #oriel.dims<3> = dense<1.0> : tensor<2xf32>
}

// -----

plan.program @element symbols [] {
  // expected-error@+1 {{has element type 'index', required f64 f32}}
  %c = plan.buffer input "c" : index #oriel.dims<3>
}

// -----

plan.program @alias_size symbols [] {
  %t = plan.buffer temporary "t" : f32 #oriel.dims<3>
  // expected-error@+1 {{of 4 elements aliases temporary buffer 't' of 3 elements, required the same}}
  %v = plan.buffer temporary "v" : f32 #oriel.dims<4> alias %t
}

// -----

plan.program @unallocated symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %t = plan.buffer temporary "t" : f32 #oriel.dims<3>
  // expected-error@+1 {{uses temporary buffer 't', which is not allocated here}}
  plan.copy %x to %t
}

// -----

plan.program @leak symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  // expected-error@+1 {{is never released, required of every buffer but outputs and shadows}}
  %t = plan.buffer temporary "t" : f32 #oriel.dims<3>
  plan.alloc %t
  plan.copy %x to %t
}

// -----

plan.program @twice_released symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %t = plan.buffer temporary "t" : f32 #oriel.dims<3>
  plan.alloc %t
  plan.copy %x to %t
  plan.release %t
  // expected-error@+1 {{releases temporary buffer 't', which is not allocated here}}
  plan.release %t
}

// -----

plan.program @output_released symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %y = plan.buffer output "y" : f32 #oriel.dims<3>
  plan.alloc %y
  plan.copy %x to %y
  // expected-error@+1 {{names output buffer 'y', required to live until the end}}
  plan.release %y
}

// -----

plan.program @writes_input symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %y = plan.buffer input "y" : f32 #oriel.dims<3>
  // expected-error@+1 {{writes input buffer 'y', required an output, state, temporary, workspace or row}}
  plan.copy %x to %y
}

// -----

plan.program @copy_sizes symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %y = plan.buffer output "y" : f32 #oriel.dims<4>
  plan.alloc %y
  // expected-error@+1 {{input buffer 'x' is 'f32' (3,) and output buffer 'y' is 'f32' (4,), required equal types and sizes}}
  plan.copy %x to %y
}

// -----

plan.program @condition symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<>
  // expected-error@+1 {{condition is 'f32' of shape (), required a scalar 'i1'}}
  plan.branch %x {
  } else {
  }
}

// -----

plan.program @carries symbols [] {
  %n = plan.buffer input "n" : i64 #oriel.dims<>
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  // expected-error@+1 {{carries 1 initial, 0 current, 0 next and 0 result buffers, required as many of each}}
  plan.loop %n initial(%x) current() next() results() {
  }
}

// -----

plan.program @args symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %y = plan.buffer output "y" : f32 #oriel.dims<3>
  plan.alloc %y
  // expected-error@+1 {{passes 1 buffers to the kernel, required 2 (inputs, then outputs)}}
  plan.dispatch "k" class "Elementwise" entries ["k0"] tasks #oriel.dims<1> ins(%x) outs(%y) args [0]
    scratch #oriel.dims<0> shared #oriel.dims<0> cost #oriel.dims<1> in_place [0] ordinals []
}

// -----

plan.program @tasks symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  %y = plan.buffer output "y" : f32 #oriel.dims<3>
  plan.alloc %y
  // expected-error@+1 {{has 1 entries and 2 task counts, required one per entry}}
  plan.dispatch "k" class "Elementwise" entries ["k0"] tasks #oriel.dims<1, 1> ins(%x) outs(%y) args [0, 1]
    scratch #oriel.dims<0> shared #oriel.dims<0> cost #oriel.dims<1> in_place [0] ordinals []
}

// -----

plan.program @commit symbols [] {
  %x = plan.buffer input "x" : f32 #oriel.dims<3>
  // expected-error@+1 {{commits input buffer 'x', required a state}}
  plan.commit %x
}

// -----

plan.program @row_type symbols ["n"] {
  %n = plan.buffer input "n" : i64 #oriel.dims<>
  %x = plan.buffer input "x" : f32 #oriel.dims<n, 2>
  %e = plan.buffer row "e" : f32 #oriel.dims<3>
  // expected-error@+1 {{has the rows of input buffer 'x', 'f32' (n, 2), at row buffer 'e', 'f32' (3,)}}
  plan.loop %n extent #oriel.dims<n> over(%x) rows(%e) starts #oriel.dims<0> steps [1] initial() current() next() results() {
  }
}

// -----

plan.program @no_extent symbols ["n"] {
  %n = plan.buffer input "n" : i64 #oriel.dims<>
  %x = plan.buffer input "x" : f32 #oriel.dims<n, 2>
  %e = plan.buffer row "e" : f32 #oriel.dims<2>
  // expected-error@+1 {{has sequences or stacks, required an extent}}
  plan.loop %n over(%x) rows(%e) starts #oriel.dims<0> steps [1] initial() current() next() results() {
  }
}
