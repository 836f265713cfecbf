/*
 * Sockets and their addresses, by the headers of the system; sockets.c and sockets_win32.c.
 */
#ifndef FB_SOCKETS_H
#define FB_SOCKETS_H

#include <stdbool.h>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
typedef SOCKET fb__socket;
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
typedef int fb__socket;
#endif

/* One that a program which this process starts does not inherit; the system's invalid one when there is none. */
fb__socket fb__socket_open(int family, int type, int protocol);

#endif
