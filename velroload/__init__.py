"""velroload: an HTTP load-testing engine that says how sure it is.

Importing the package costs nothing: the public names are loaded on first use (PEP 562).
"""

__version__ = "0.1.0"
