// Writable data has no place in an image.
int counter = 1;
int data_entry(void) { return ++counter; }
