#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int channel_line(struct channel* channel, char* line, int milliseconds) {
  for (;;) {
    char* end = memchr(channel->buffer, '\n', channel->filled);
    if (end != NULL) {
      const size_t length = (size_t)(end - channel->buffer);
      memcpy(line, channel->buffer, length);
      line[length] = 0;
      channel->filled -= length + 1;
      memmove(channel->buffer, end + 1, channel->filled);
      return 1;
    }
    if (channel->filled == sizeof channel->buffer) channel->filled = 0;
    struct pollfd wait = {.fd = channel->fd, .events = POLLIN};
    if (poll(&wait, 1, milliseconds) <= 0) return 0;
    const ssize_t n = read(channel->fd, channel->buffer + channel->filled,
                           sizeof channel->buffer - channel->filled);
    if (n > 0) {
      channel->filled += (size_t)n;
    } else {
      /* Nobody is connected at the host's end. */
      usleep(20000);
      if (milliseconds >= 0) return 0;
    }
  }
}

void channel_say(struct channel* channel, const char* format, ...) {
  char line[LINE_LENGTH];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
  line[length++] = '\n';
  for (int at = 0; at < length;) {
    const ssize_t n = write(channel->fd, line + at, (size_t)(length - at));
    if (n <= 0) return;
    at += (int)n;
  }
}

static const char* find(const char* line, const char* key) {
  const size_t length = strlen(key);
  for (const char* at = line; (at = strstr(at, key)) != NULL; at += length) {
    if (at > line && at[-1] == ' ' && at[length] == '=') return at + length + 1;
  }
  return NULL;
}

unsigned long long number_of(const char* line, const char* key, unsigned index,
                             unsigned long long otherwise) {
  const char* at = find(line, key);
  while (at != NULL && index-- > 0) {
    at += strcspn(at, ", ");
    at = *at == ',' ? at + 1 : NULL;
  }
  return at == NULL ? otherwise : strtoull(at, NULL, 0);
}

const char* text_of(const char* line, const char* key, char* value, size_t room) {
  const char* at = find(line, key);
  const size_t length = at == NULL ? 0 : strcspn(at, " ");
  if (length >= room) return "";
  if (at != NULL) memcpy(value, at, length);
  value[length] = 0;
  return value;
}

static void shell(struct channel* channel, const char* line) {
  const unsigned long long id = number_of(line, "id", 0, 0);
  const char* command = strchr(line, ' ');
  command = command == NULL ? NULL : strchr(command + 1, ' ');
  FILE* output = command == NULL ? NULL : popen(command, "r");
  if (output == NULL) {
    channel_say(channel, "result id=%llu ok=0 text=no command", id);
    return;
  }
  char text[LINE_LENGTH - 16];
  while (fgets(text, sizeof text, output) != NULL) {
    text[strcspn(text, "\n")] = 0;
    channel_say(channel, "| %s", text);
  }
  const int status = pclose(output);
  channel_say(channel, "result id=%llu ok=%d text=status %d", id, status == 0, status);
}

static struct ibv_context* open_device(const char* name) {
  struct ibv_device** list = ibv_get_device_list(NULL);
  for (int i = 0; list != NULL && list[i] != NULL; ++i) {
    if (strcmp(ibv_get_device_name(list[i]), name) == 0) return ibv_open_device(list[i]);
  }
  return NULL;
}

int main(int argc, char** argv) {
  static struct channel channel;
  char line[LINE_LENGTH];
  if (argc != 3) return 2;
  channel.fd = open(argv[1], O_RDWR);
  if (channel.fd < 0) return 3;
  struct ibv_context* device = open_device(argv[2]);
  for (;;) {
    if (!channel_line(&channel, line, -1)) continue;
    if (strncmp(line, "run ", 4) == 0) {
      if (device != NULL) {
        case_run(&channel, device, line);
      } else {
        channel_say(&channel, "result id=%llu ok=0 text=no RDMA device",
                    number_of(line, "id", 0, 0));
      }
    } else if (strncmp(line, "shell ", 6) == 0) {
      shell(&channel, line);
    } else {
      /* ping, and what is late for a case that has ended. */
      channel_say(&channel, "result id=%llu ok=1 text=idle", number_of(line, "id", 0, 0));
    }
  }
}
