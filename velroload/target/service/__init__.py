"""What the service decides: who one is, what one may see, what it costs. Knows no request."""
