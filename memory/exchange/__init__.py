"""Utterances out of the files of others, one module a format; a file is read as a stream, never as a whole.

``sources`` turns paths, archives and folders into bytes, ``entries`` says what comes out and gives ids, ``registry``
knows every format and tells them apart. Knows no agent and writes to none.
"""
