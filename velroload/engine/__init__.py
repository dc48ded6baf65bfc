"""3 DOING: the coordinator, its workers, the memory they share, the recorder."""
