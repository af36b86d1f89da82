double other_entry(double x) { return x * 1.5 - 2.25; }
