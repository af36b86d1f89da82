extern int elsewhere(int);
int undefined_entry(int x) { return elsewhere(x) + 1; }
