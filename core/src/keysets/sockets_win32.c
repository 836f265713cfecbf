/* Sockets of Windows. */
#include "sockets.h"

fb__socket fb__socket_open(int family, int type, int protocol)
{
    return WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}
