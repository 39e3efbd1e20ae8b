//! The one resolver of references (security.md I4): `name@provider`, internal names, missing names.
