// Compiles the precompiled header of the compiler half.
