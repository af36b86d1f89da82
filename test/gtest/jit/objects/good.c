// Code with constants, a local helper and a jump table: all relative.
static __attribute__((noinline)) double scale(double x) { return x * 2.5 + 0.125; }
double good_entry(double x, int which) {
  switch (which) {
    case 0: return scale(x);
    case 1: return scale(x) * 3.75;
    case 2: return 1.0 / x;
    case 3: return x - 7.5;
    case 4: return scale(scale(x));
    default: return 0.0;
  }
}
