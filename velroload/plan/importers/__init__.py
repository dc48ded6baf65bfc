"""From other tools' files to plans."""
