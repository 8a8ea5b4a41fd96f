"""The errors genoplrp raises: each says what was expected, what came, and the way out."""


class GenoPLRPError(Exception):
    """Base of every error raised on purpose by genoplrp."""


class SequenceError(GenoPLRPError, ValueError):
    """DNA, a FASTA or a BED file cannot be read as such."""


class ModelError(GenoPLRPError, ValueError):
    """A model file is missing, corrupt or foreign, or a model does not fit the sequences."""


class MotifError(GenoPLRPError, ValueError):
    """A motif matrix or motif file cannot be used."""


class OptionError(GenoPLRPError, ValueError):
    """An argument or a command-line option is out of range or contradicts another."""


class OutputError(GenoPLRPError, OSError):
    """Results cannot be written where they were asked for."""


class UnsupportedCallError(GenoPLRPError, ValueError):
    """The network makes a call for which there is no relevance rule."""


class DatasetError(GenoPLRPError, ValueError):
    """A data set is not there, is damaged, or is not of the format it should have."""
