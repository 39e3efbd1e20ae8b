//! The writer thread behind the access logs of all workers: file, reopen, standard output.
