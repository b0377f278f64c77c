/* SPDX-License-Identifier: Apache-2.0 */
/* What cppcheck needs to know of jansson's loops; nothing else includes this. */
#define json_array_foreach(array, index, value)                           \
	for (index = 0, value = json_array_get(array, index); value != 0; \
	     value = json_array_get(array, ++index))
#define json_object_foreach(object, key, value)                                                \
	for (key = json_object_iter_key(object), value = json_object_iter(object); value != 0; \
	     key = json_object_iter_key(object), value = json_object_iter(object))
