"""What a plan will send and what cannot pass, computed before anything is sent."""
