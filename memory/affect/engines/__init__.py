"""Ways to run an encoder: from windows of tokens to sums over its hidden layers. Each machine has a best one."""
