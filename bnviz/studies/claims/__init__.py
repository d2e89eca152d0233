"""What people say of batch normalization, each with the experiments that decide it, by group."""
