int stacks_provided(int depth);
int stacks_provided(int depth) { return depth + 1; }
