"""What stands wherever variants are put in an order: what the order is, and what it is not."""

NOT_ADVICE = (
    "This list orders what is known and what is predicted, so that you know where to look first. It is no medical advice, "
    "and a variant that is missing here may still matter."
)
