"""3 WATCHING: the machine that generates the load, and the target."""
