"""Where the data is: database pools, the tables, and the three layers of the cache."""
