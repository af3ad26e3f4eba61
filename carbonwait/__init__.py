"""carbonwait: nice(1) for the power grid."""

__version__ = "0.1.0"
