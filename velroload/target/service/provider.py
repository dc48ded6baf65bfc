"""The company that makes the pictures, as far as the service sees it: it accepts jobs or fails."""

from velroload.target.failure import UnavailableError


class Provider:
    """Accepts every job unless a fault has put it `down`."""

    def __init__(self) -> None:
        self.down = False

    def submit(self, generation_id: str) -> None:
        """Hand a job over; UnavailableError when it is not taken."""
        if self.down:
            raise UnavailableError("generation", "the generation provider does not answer")
